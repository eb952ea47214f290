(()=>{const form=document.forms[0],line=document.getElementById("again");let left=Number(line.dataset.wait);
const send=()=>HTMLFormElement.prototype.submit.call(form);
const tick=()=>{if(left<=0)return send();line.textContent=line.dataset.text.replace("{n}",left);left-=1;setTimeout(tick,1000)};tick()})();
